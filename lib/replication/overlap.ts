/**
 * Compares what two logs have of the same range.
 * @returns how many bytes are the same from both places on, up to `length`
 */
export function sameBytes(own: Buffer, ownFrom: number, sent: Uint8Array, sentFrom: number, length: number): number {
  if (own.compare(sent, sentFrom, sentFrom + length, ownFrom, ownFrom + length) === 0) return length
  let same = 0
  while (own[ownFrom + same] === sent[sentFrom + same]) same++
  return same
}
