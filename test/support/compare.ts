/**
 * Compares lines of JSON, field order included, since other programs parse them.
 * @returns the first difference in words, or undefined
 */
export function firstDifference(expected: Iterable<object>, actual: Iterable<object>): string | undefined {
  const expectedLines = expected[Symbol.iterator]()
  const actualLines = actual[Symbol.iterator]()
  for (let line = 1; ; line++) {
    const want = expectedLines.next()
    const got = actualLines.next()
    if (want.done && got.done) return undefined
    if (want.done) return `line ${line}: more than expected: ${JSON.stringify(got.value)}`
    if (got.done) return `line ${line}: missing: ${JSON.stringify(want.value)}`
    if (JSON.stringify(want.value) === JSON.stringify(got.value)) continue
    return [
      `line ${line}: ${differenceOf(want.value, got.value)}`,
      ` expected ${JSON.stringify(want.value)}`,
      `      got ${JSON.stringify(got.value)}`,
    ].join('\n')
  }
}

function differenceOf(expected: object, actual: object): string {
  const want = Object.entries(expected)
  const got = new Map(Object.entries(actual))
  const differing = want.find(([name, value]) => JSON.stringify(value) !== JSON.stringify(got.get(name)))
  if (differing !== undefined)
    return `${differing[0]} should be ${JSON.stringify(differing[1])}, is ${JSON.stringify(got.get(differing[0]))}`
  return want.length === got.size ? 'the order of the fields differs' : 'there are more fields than expected'
}

/**
 * Compares two sets of files.
 * @returns the first difference in words, or undefined
 */
export function firstFileDifference(
  expected: ReadonlyMap<string, Buffer>,
  actual: ReadonlyMap<string, Buffer>,
): string | undefined {
  const missing = [...expected.keys()].find((path) => !actual.has(path))
  if (missing !== undefined) return `${missing} is missing`
  const added = [...actual.keys()].find((path) => !expected.has(path))
  if (added !== undefined) return `${added} should not be there`
  for (const [path, content] of expected) {
    const difference = firstByteDifference(content, actual.get(path) as Buffer)
    if (difference !== undefined) return `${path}: ${difference}`
  }
  return undefined
}

/**
 * Compares two contents.
 * @returns the first difference in words, or undefined
 */
export function firstByteDifference(expected: Buffer, actual: Buffer): string | undefined {
  if (expected.equals(actual)) return undefined
  if (expected.length !== actual.length) return `should have ${expected.length} bytes, has ${actual.length}`
  const at = expected.findIndex((byte, offset) => byte !== actual[offset])
  const around = (bytes: Buffer): string => bytes.subarray(at - (at % 4), at - (at % 4) + 16).toString('hex')
  return `byte ${at} differs; from ${at - (at % 4)} on should be ${around(expected)}, is ${around(actual)}`
}
