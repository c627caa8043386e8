/** Figures and tables as the paper's page writes them. */

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function shownRecall(value: number): string {
  return value.toFixed(3);
}

export function percent(change: number): string {
  return `${change > 0 ? '+' : ''}${(100 * change).toFixed(2)} %`;
}

export function shown(p: number): string {
  return p < 0.001 ? '< .001' : p.toFixed(3);
}

export function many(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`;
}
