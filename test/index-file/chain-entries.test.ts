import fc from 'fast-check'
import t from 'tap'
import { ENTRY_WORDS, SLOTS_PER_PAGE, chainEntries } from '../../lib/index-file/chain-entries'
import { selectBackend } from '../../lib/storage/backend'

/*
 * The story: entries are put into the chains of their slots by native code where there is any. Whatever slots and entries hold, it leaves
 * the same in them as the code for the other backends, and touches nothing beside the entries that it was given.
 */

const native = selectBackend('auto').chainEntries
const skip = native === undefined && 'this backend leaves it to TypeScript'

const cases = fc.record({
  slots: fc.array(fc.integer({ min: -2, max: 400 }), { minLength: 1, maxLength: 3000 }),
  // More than are looked at at once, in few slots and in many.
  keyHashes: fc.array(fc.oneof(fc.nat(5), fc.nat()), { maxLength: 300 }),
  from: fc.nat(10),
  behind: fc.nat(10),
  number: fc.integer({ min: 1, max: 300 }),
})

type Case = typeof cases extends fc.Arbitrary<infer Value> ? Value : never

function chained({ slots, keyHashes, from, behind, number }: Case, chain: typeof chainEntries) {
  const words = new Int32Array((from + keyHashes.length + behind) * ENTRY_WORDS).fill(-7)
  keyHashes.forEach((hash, index) => (words[(from + index) * ENTRY_WORDS] = hash))
  const newest = Int32Array.from(slots)
  const dirtyPages = new Uint8Array(Math.ceil(slots.length / SLOTS_PER_PAGE))
  const begun = chain(newest, dirtyPages, words, from, keyHashes.length, number)
  return { begun, words: [...words], newest: [...newest], dirtyPages: [...dirtyPages] }
}

t.test('native code puts entries into the same chains', { skip }, async (t) => {
  fc.assert(fc.property(cases, (here) => {
    t.same(chained(here, native!), chained(here, chainEntries))
  }), { numRuns: 300 })
})

t.test('what the arrays do not hold is refused', { skip }, async (t) => {
  const slots = new Int32Array(2 * SLOTS_PER_PAGE)
  const pages = new Uint8Array(2)
  const words = new Int32Array(4 * ENTRY_WORDS)
  for (const [from, count] of [[0, 5], [4, 1], [5, 0], [-1, 1], [0, -1], [3, Number.MAX_SAFE_INTEGER]] as const) {
    t.throws(() => native!(slots, pages, words, from, count, 1), RangeError, `${count} entries from ${from} on`)
  }
  t.throws(() => native!(slots, pages.subarray(1), words, 0, 4, 1), RangeError, 'too few pages')
  t.throws(() => native!(new Int32Array(), pages, words, 0, 4, 1), RangeError, 'no slots')
  t.throws(() => native!(slots, pages, pages as unknown as Int32Array, 0, 1, 1), TypeError, 'no words')
  t.equal(native!(slots, pages, words, 4, 0, 1), 0, 'none are chained where there are none')
})
