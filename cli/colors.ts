/** Colours, on a terminal only: not in a file, a pipe or a CI log, nor where NO_COLOR is set. */
import pc from 'picocolors';

export const colors = pc.createColors(
  process.stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb',
);
