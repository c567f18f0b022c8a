/** Properties that were renamed by more than a letter: name in 4.x → name in 5.x. */
const renamed = new Map([['haSlaveFallbehindMax', 'haMaxGapNotInSync']])

/**
 * The one name under which the spellings of a key are looked up. RocketMQ corrected "maped" to
 * "mapped" in some of its keys and not in others, and its users mix the two: both are right here.
 */
export function canonicalKey(key: string): string {
  return renamed.get(key) ?? key.replace(/(m)aped/gi, '$1apped')
}
