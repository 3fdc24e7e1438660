/** The URL of a program beside the calling module: `.ts` in the sources, `.js` in the built package. */
export function sibling(name: string, base: string): URL {
  return new URL(`./${name}${base.endsWith('.ts') ? '.ts' : '.js'}`, base);
}
