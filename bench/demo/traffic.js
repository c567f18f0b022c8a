/**
 * The messages of the demo. Each follows from its number alone, so that whoever reads one, in this process or
 * another, can tell what it has to be.
 */
export const topics = ['orders', 'payments', 'shipments']
export const queuesPerTopic = 4
export const queueCount = topics.length * queuesPerTopic
/** As many messages of a topic share a customer as there are messages for each number of one. */
export const customerCount = 5000

const bodySizeMin = 64
const bodySizeMax = 4096
const tags = ['created', 'paid', 'sent', 'returned']
const seed = 20_240_229
const pool = randomBytes(2 * bodySizeMax)

/** Every queue gets its messages in turn: message `number` is the one at `queueOffset` of this queue. */
export function placeOf(number) {
  const queue = number % queueCount
  return {
    topic: topics[queue % topics.length],
    queueId: Math.floor(queue / topics.length),
    queueOffset: Math.floor(number / queueCount),
  }
}

export function numberOf(topic, queueId, queueOffset) {
  return queueOffset * queueCount + queueId * topics.length + topics.indexOf(topic)
}

export function bodyOf(number) {
  const random = hash(number)
  // As many messages between 64 and 128 bytes as between 2 and 4 KiB.
  const size = Math.round(bodySizeMin * (bodySizeMax / bodySizeMin) ** ((random >>> 8) / 0xff_ffff))
  const from = random % (pool.length - size + 1)
  return pool.subarray(from, from + size)
}

export function propertiesOf(number) {
  return { TAGS: tags[number % tags.length], KEYS: `${keyOf(number)} ${customerOf(number)}`, UNIQ_KEY: uniqueKeyOf(number) }
}

export function keyOf(number) {
  return `order-${number}`
}

export function customerOf(number) {
  return `customer-${number % customerCount}`
}

export function uniqueKeyOf(number) {
  return number.toString(16).toUpperCase().padStart(32, '0')
}

export function messageOf(number) {
  const { topic, queueId } = placeOf(number)
  return { topic, queueId, body: bodyOf(number), properties: propertiesOf(number) }
}

/** @returns what is wrong with a stored message, undefined when it is message `number` as it was given */
export function differenceFrom(number, stored) {
  const expected = { ...placeOf(number), ...propertiesOf(number) }
  const { topic, queueId, queueOffset, properties } = stored
  const actual = { topic, queueId, queueOffset, ...properties }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    if (actual[name] !== expected[name]) return `message ${number}: ${name} is ${actual[name]}, not ${expected[name]}`
  }
  return stored.body.equals(bodyOf(number)) ? undefined : `message ${number}: the body has changed`
}

function randomBytes(length) {
  return Buffer.from(Array.from({ length }, (_, index) => hash(~index)))
}

/** A 32-bit number that looks random and follows from `number`: the last step of MurmurHash3. */
function hash(number) {
  let bits = (number ^ seed) | 0
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
