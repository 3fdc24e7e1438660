import type { Context } from 'hono';
import type { Disk } from '../spool/disk.ts';

/**
 * Answers with a file as plain text to keep, in blocks, so that its size does not matter; with a part of it where a `Range` asks for one. What is appended meanwhile is
 * left out. Undefined when there is no such file.
 */
export function download(context: Context, disk: Disk, file: string, name: string): Response | undefined {
  const fd = disk.openRead(file);
  if (fd === undefined) return undefined;
  const size = disk.sizeOf(fd);
  // Nothing is given by which a client could know that the file is still the same (`If-Range`): then it gets the whole.
  const asked = context.req.header('If-Range') === undefined ? context.req.header('Range') : undefined;
  const range = rangeOf(asked, size);
  const isOnlyHead = context.req.method === 'HEAD';
  if (range === 'unsatisfiable' || isOnlyHead || size === 0) disk.close(fd);
  const headers = {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Disposition': `attachment; filename="${name}"`,
    'Accept-Ranges': 'bytes',
  };
  if (range === 'unsatisfiable') {
    return context.text(`download ${name}: expected a range within its ${size} bytes, got ${asked}\n`, 416, {
      'Content-Range': `bytes */${size}`,
    });
  }
  const { start, end } = range ?? { start: 0, end: size };
  const part = range ? { 'Content-Range': `bytes ${start}-${end - 1}/${size}` } : {};
  const body = isOnlyHead || size === 0 ? null : streamOf(disk, fd, start, end);
  return new Response(body, { status: range ? 206 : 200, headers: { ...headers, ...part, 'Content-Length': String(end - start) } });
}

/** Bytes from `start` up to, but without, `end`. */
export type ByteRange = { start: number; end: number };

/** What a `Range` header asks of a file; undefined when it is to be ignored: none, of another unit, not well-formed, or of several ranges. */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.replaceAll(' ', '') ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (first === '' && last === '') return undefined;
  if (first === '') return size > 0 && Number(last) > 0 ? { start: Math.max(0, size - Number(last)), end: size } : 'unsatisfiable';
  const [start, end] = [Number(first), last === '' ? size : Math.min(size, Number(last) + 1)];
  if (last !== '' && Number(last) < start) return undefined;
  return start < size ? { start, end } : 'unsatisfiable';
}

const BLOCK_BYTES = 65_536;

function streamOf(disk: Disk, fd: number, start: number, end: number): ReadableStream<Uint8Array> {
  let at = start;
  return new ReadableStream(
    {
      pull(controller) {
        try {
          const bytes = disk.readFrom(fd, at, Math.min(BLOCK_BYTES, end - at));
          // More was promised than there is now: the client must see that something is missing.
          if (bytes.length === 0) throw new Error('the file became shorter while it was sent');
          controller.enqueue(bytes);
          at += bytes.length;
          if (at < end) return;
          controller.close();
        } catch (error) {
          controller.error(error);
        }
        disk.close(fd);
      },
      cancel: () => disk.close(fd),
    },
    // Nothing is read before somebody takes it.
    { highWaterMark: 0 },
  );
}
