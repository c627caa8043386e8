/** Words as the method counts them: for key phrases, the rubric and the canaries. The text encoder and the language models have their own. */

/** Words of a text in order: lower case, letters and digits of any script, inner apostrophes kept ("o'neill's"). */
export function words(text: string): string[] {
  return (
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}]+)*/gu) ?? []
  );
}

/** Words that carry no content of their own (English). */
export const stopWords: ReadonlySet<string> = new Set(
  `a about above after again against ago all almost also although always am among an and another any are as at away back be because
  been before behind being below best between both but by can cannot could day days did do does doing don't down during each either else ever
  every few first for from get gets getting go goes going got had has have having he her here hers him his how however i if in into is isn't it
  it's its itself just know last least less let like made make makes making many may me might more most much must my near need never new next no not
  nothing now of off old on once one only or other our out over own per put really right said same say says see set several she should since so
  some someone something still such take takes than that that's the their them themselves then there these they thing things this those though
  three through time times to today together told too took toward two under until up upon us use used very want wants was way we well went were
  what what's when where which while who whom whose why will with within without won't would year years yet you your yours`.split(
    /\s+/,
  ),
);

/** Words that any headline or portal could carry: content in form only. */
export const genericWords: ReadonlySet<string> = new Set(
  `account article articles breaking coverage daily forum guide headline headlines home homepage info information latest live local login
  national news newspaper official online page photo photos portal recent report reports search sign site stories story top trending
  update updates video videos watch website week weekly world`.split(/\s+/),
);

/** Queries that fit every reader, and therefore none: a weak label's noise, and a canary. */
export const genericQueries: readonly string[] = [
  'breaking headlines',
  'top stories today',
  'local news update',
  'world headlines',
  'the latest report',
];

/** Neither a stop word nor generic. */
export function isContent(word: string): boolean {
  return !stopWords.has(word) && !genericWords.has(word);
}
