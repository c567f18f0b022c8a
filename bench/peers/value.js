/** A message as one value: topic, queue, tag and key, each ended by a line feed, and the body. */

export function valueOf({ topic, queueId, properties, body }) {
  const head = `${topic}\n${queueId}\n${properties.TAGS}\n${properties.KEYS}\n`
  const value = Buffer.allocUnsafe(head.length + body.length)
  value.latin1Write(head, 0)
  value.set(body, head.length)
  return value
}

/** @returns key and body of the message */
export function partsOf(value, bodySize) {
  const bodyAt = value.length - bodySize
  return { key: value.toString('latin1', 0, bodyAt).split('\n')[3], body: value.subarray(bodyAt) }
}
