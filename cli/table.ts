/** Text tables for the terminal. */

export interface Column {
  title: string;
  align: 'left' | 'right';
}

/** Rows under a header, columns aligned, two spaces between; no trailing blanks. Colour codes take no width. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) =>
    Math.max(shownWidth(column.title), ...rows.map((row) => shownWidth(row[i] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map(({ align }, i) => pad(cells[i] ?? '', widths[i] as number, align))
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map(line)].join('\n');
}

/** Columns that a text takes on a terminal: code points less colour codes. */
export function shownWidth(text: string): number {
  return Array.from(text.replace(colourCodes, '')).length;
}

/**
 * Text for a terminal: lines and colours stay; of other control characters, and of marks that turn the direction of writing, nothing does.
 * Strangers' names are in messages too.
 */
export function printable(text: string): string {
  return text.replace(terminalControls, (found) => (found.startsWith('\u001b[') ? found : ''));
}

/** `text` without control characters, cut to `width` columns with an ellipsis. For text without colour codes. */
export function fit(text: string, width: number): string {
  const clean = Array.from(text.replace(controlCharacters, ' '));
  if (clean.length <= width) return clean.join('');
  return width <= 1 ? clean.slice(0, Math.max(width, 0)).join('') : `${clean.slice(0, width - 1).join('')}…`;
}

// oxlint-disable-next-line no-control-regex -- finds the escape sequences that set colours
const colourCodes = /\u001b\[[0-9;]*m/g;
const controlCharacters = /[\p{Cc}\p{Bidi_Control}]/gu;
// oxlint-disable-next-line no-control-regex -- keeps the escape sequences that set colours, finds all other
const terminalControls = /\u001b\[[0-9;]*m|(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu;

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - shownWidth(text)));
  return align === 'left' ? text + blanks : blanks + text;
}
