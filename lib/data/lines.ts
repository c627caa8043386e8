/** A large text file, line by line. */
import { createReadStream } from 'node:fs';
import { DataError } from '../errors.ts';

export interface Line {
  /** From 1. */
  number: number;
  /** Without its line end; of a line that is not UTF-8, with U+FFFD where it is not. */
  text: string;
  utf8: boolean;
}

/** No row of a log is as long: the file is something else. */
const LONGEST_LINE = 16 * 2 ** 20;

/** Lines of `path` in order, empty ones left out. Throws DataError where the file cannot be read. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let number = 0;
  let rest: Buffer[] = [];
  let waiting = 0;
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      number++;
      const bytes = Buffer.concat([...rest, chunk.subarray(start, end)]);
      rest = [];
      waiting = 0;
      start = end + 1;
      const line = decode(bytes, number);
      if (line.text !== '') yield line;
    }
    rest.push(chunk.subarray(start));
    waiting += chunk.length - start;
    if (waiting > LONGEST_LINE)
      throw new DataError(
        `${path}:${number + 1}: this line is longer than ${LONGEST_LINE / 2 ** 20} MiB. Is it a text file?`,
      );
  }
  const line = decode(Buffer.concat(rest), number + 1);
  if (line.text !== '') yield line;
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (cause) {
    throw new DataError(`${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const strict = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer, number: number): Line {
  const content = bytes.at(-1) === 13 ? bytes.subarray(0, -1) : bytes;
  try {
    return { number, text: strict.decode(content), utf8: true };
  } catch {
    return { number, text: content.toString('utf8'), utf8: false };
  }
}
