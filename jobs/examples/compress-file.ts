import { createReadStream, type Stats } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { jobContext, PermanentError } from '../handler.ts';

/** Compresses files. Shows what a long job needs: progress, a stop half-way, and an output that is whole or not there. */
export class CompressFile {
  /**
   * Writes `input`, a file of any size, gzipped to `output`, whose folder is made where it is missing; an older output is replaced.
   * Relative paths start at the service's working directory. Returns the sizes in bytes. A missing input is tried again: it may come later.
   */
  async gzip(input: string, output: string): Promise<{ inputBytes: number; outputBytes: number }> {
    if (path.resolve(input) === path.resolve(output)) {
      throw new PermanentError(`gzip ${input}: expected an output beside the input, got the same file; nothing was written`);
    }
    const { size } = await statOf(input);
    await mkdir(path.dirname(output), { recursive: true });
    const draft = `${output}.${jobContext().id}.tmp`;
    try {
      await compress(input, size, draft);
      const outputBytes = (await stat(draft)).size;
      // Renamed only when it is whole and synced: nobody ever sees half an output.
      await rename(draft, output);
      return { inputBytes: size, outputBytes };
    } catch (error) {
      await rm(draft, { force: true, maxRetries: 5 });
      throw error;
    }
  }
}

async function statOf(input: string): Promise<Stats> {
  const facts = await stat(input).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file yet' : error.message;
    throw new Error(`gzip ${input}: expected a file, but ${why}; it is tried again while retries are left`, { cause: error });
  });
  if (!facts.isFile())
    throw new PermanentError(`gzip ${input}: expected a regular file, got ${facts.isDirectory() ? 'a folder' : 'a device or pipe'}`);
  return facts;
}

async function compress(input: string, size: number, draft: string): Promise<void> {
  const { signal, progress } = jobContext();
  // Opened before the stream exists, so that an abort cannot come between the open and the removal of the draft.
  const handle = await open(draft, 'w');
  const sink = handle.createWriteStream({ flush: true });
  await pipeline(createReadStream(input), reported, createGzip(), sink, { signal });

  async function* reported(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let done = 0;
    for await (const chunk of chunks) {
      yield chunk;
      done += chunk.length;
      progress((done / size) * 100);
    }
  }
}
