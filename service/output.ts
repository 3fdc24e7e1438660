import pretty from 'pino-pretty';

/** Where log lines go beside the log files: standard output, as they are or, on a terminal, for people. */
export function logSink(stream: NodeJS.WriteStream): (line: string) => void {
  // A reader that goes away (`jobspool serve | head`) must not end the service.
  stream.on('error', () => undefined);
  if (!stream.isTTY) return (line) => void stream.write(line);
  const shown = pretty({ colorize: !process.env.NO_COLOR, translateTime: 'SYS:HH:MM:ss.l', messageFormat: '{if id}{id} {end}{if class}{class}.{method} {end}{msg}', include: 'level,time,err,output', sync: true, destination: 1 });
  return (line) => void shown.write(line);
}
