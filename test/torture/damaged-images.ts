import { isStoreError, type MessageStore } from '../../lib/index'
import { checkStore } from '../../lib/check/check-store'
import { audit } from './audit'
import { Damages, randomDamage, type Damage } from './damages'
import { BODY_MAX, STORE, backendWith, copyFiles, imageKinds, makeImage, openImage, type Image } from './images'
import type { Layer, LayerContext } from './layer'
import { makeMessage } from './messages'
import { Random } from './random'

const NAME = 'damaged-images'
/** Milliseconds. */
const HANG = 5000
/** No factor of the number of damages: steps of this size reach each of them once, and a short run sees some of all. */
const STRIDE = 1_000_003
/** Every how manyth case is random damage, where the others are still of those that are tried one by one. */
const RANDOM_EVERY = 11
/** Every how manyth case goes on to a second open; no factor of it is one of the above, so that all sorts do. */
const REOPEN_EVERY = 4
const CHECK_EVERY = 3

/** Every bit of every header field, every cut of the last segment, every file of every kind gone or spoilt; among them, and then only, random damage. */
export const damagedImages: Layer = {
  name: NAME,
  story: 'bytes at rest are damaged: what was not hit is read at its place, what was hit is never taken for something else',
  cases: { ci: 100_000, full: 1_000_000 },
  lacks: () => undefined,
  async run(context) {
    const images = await Promise.all(imageKinds.map((kind) => makeImage(context.seed, kind)))
    const others = await Promise.all(imageKinds.map((kind) => makeImage(context.seed + 1, kind)))
    const damages = images.map((image, at) => new Damages(image, others[at]!))
    const total = damages.reduce((sum, { count }) => sum + count, 0)
    const chosenBelow = (index: number): number => Math.min(total, index - Math.floor(index / RANDOM_EVERY))
    context.add('one by one', chosenBelow(context.first + context.count) - chosenBelow(context.first))
    for (let index = context.first; index < context.first + context.count && !context.isOver; index++) {
      const random = new Random(context.seed, NAME, index)
      const { image, damage } = choose(images, damages, total, index, random)
      const began = performance.now()
      const wrong = await tryCase(image, damage, index, context)
      const milliseconds = performance.now() - began
      if (milliseconds > HANG) wrong.push(`it took ${Math.round(milliseconds)} ms`)
      if (wrong.length > 0) context.fail(index, `${image.kind.name}: ${damage.what}: ${wrong.slice(0, 3).join('; ')}`)
      else context.done()
    }
  },
}

function choose(
  images: readonly Image[], damages: readonly Damages[], total: number, index: number, random: Random,
): { image: Image; damage: Damage } {
  const number = index - Math.floor(index / RANDOM_EVERY)
  if (index % RANDOM_EVERY === RANDOM_EVERY - 1 || number >= total) {
    const image = random.pick(images)
    return { image, damage: randomDamage(image, random) }
  }
  let place = Number((BigInt(number) * BigInt(STRIDE)) % BigInt(total))
  for (const [at, image] of images.entries()) {
    if (place < damages[at]!.count) return { image, damage: damages[at]!.at(place) }
    place -= damages[at]!.count
  }
  throw new Error('unreachable')
}

async function tryCase(image: Image, damage: Damage, index: number, context: LayerContext): Promise<string[]> {
  const files = copyFiles(image.files)
  damage.apply(files)
  const backend = backendWith(files)
  const spoilt = spoiltBy(image, damage)
  let phase = 'open'
  let store: MessageStore | undefined
  try {
    store = await openImage(backend, image.kind.options)
    phase = 'read'
    let reported = store.recovery.damage.length
    store.on('damage', () => reported++)
    const wrong = judge(store, image, damage, spoilt, context)
    if (isToBeReported(image, damage) && reported === 0) wrong.push('nobody was told of the damage')
    phase = 'write'
    const next = makeMessage(image.ledger.seed, 1_000_000, { bodyMax: BODY_MAX })
    const put = await store.put(next)
    if (put.status !== 'PUT_OK') wrong.push(`a put after that ended as ${put.status}: ${put.reason}`)
    const [taken] = image.records.filter(({ number, topic, queueId, queueOffset }) =>
      topic === next.topic && queueId === next.queueId && queueOffset === put.queueOffset && !spoilt.has(number))
    if (taken !== undefined && damage.isForeign !== true) wrong.push(`a put after that took the place of message ${taken.number}`)
    phase = 'check'
    if (index % CHECK_EVERY === 0 && isToBeReported(image, damage)) wrong.push(...(await missedByCheck(image, damage)))
    phase = 'close'
    await store.close()
    if (index % REOPEN_EVERY === 0) {
      phase = 'open again'
      store = await openImage(backend, image.kind.options)
      const found = store.get({ topic: next.topic, queueId: next.queueId, offset: put.queueOffset })
      if (!found.messages.some(({ body }) => body.equals(next.body as Buffer))) wrong.push('what was put after that is lost')
      wrong.push(...judge(store, image, damage, spoilt, context, [next.topic, next.queueId, put.queueOffset].join('/')).map((line) => `after reopening: ${line}`))
      await store.close()
    }
    return wrong
  } catch (error) {
    const code = isStoreError(error) ? error.code : undefined
    if (code !== undefined && phase === 'open' && damage.refusals?.includes(code)) {
      context.add('refused', 1)
      return []
    }
    await store?.close().catch(() => undefined)
    return [`${phase}: ${(error as Error).stack}`]
  }
}

/** Numbers of the messages that need not be there: their own bytes were hit, or nothing vouched for what is behind the hit ones. */
function spoiltBy(image: Image, damage: Damage): Set<number> {
  const first = Math.min(...damage.log.map(({ from }) => from))
  const spoilt = new Set<number>()
  for (const { number, offset, size } of image.records) {
    const isHit = damage.log.some(({ from, to }) => offset < to && offset + size > from)
    const isBehind = offset >= image.vouchedTo && damage.log.some(({ to }) => to > image.vouchedTo) && offset >= first
    if (isHit || isBehind) spoilt.add(number)
  }
  return spoilt
}

/** A bit that does not pass for another message, in the middle of a log that nothing has to be made again from. */
function isToBeReported({ kind, records }: Image, { field, record }: Damage): boolean {
  return kind.end === 'closed' && field !== undefined && field.caughtBy !== 'property-crc' && record !== records[records.length - 1]
}

async function missedByCheck(image: Image, damage: Damage): Promise<string[]> {
  const files = copyFiles(image.files)
  damage.apply(files)
  const open = { ...image.kind.options, ports: { backend: backendWith(files) } }
  const { findings } = await checkStore(STORE, open, { onFinding: async () => undefined, onProgress: () => undefined })
  return findings > 0 ? [] : ['check finds nothing']
}

/** What the audit says and the damage does not excuse. */
function judge(store: MessageStore, image: Image, damage: Damage, spoilt: ReadonlySet<number>, context: LayerContext, own?: string): string[] {
  const isProtected = image.kind.options.forceVerifyPropCRC === true
  const wrong = audit(store, image.ledger, { bodyMax: BODY_MAX, damaged: spoilt }).filter((line) => {
    if (own !== undefined && line.startsWith(own)) return false
    const about = /(?:holds |^)message (\d+)/.exec(line)
    const isOwn = about !== null && spoilt.has(Number(about[1]))
    // What nothing can catch: the message is what its bytes say.
    if (isOwn && damage.field?.caughtBy !== 'crc' && damage.field?.caughtBy !== 'framing' && !isProtected) {
      context.add('not caught', 1)
      return false
    }
    // Inside an index file only check finds everything: no open or query reads all of it. And it keeps the time of a message.
    const isTimeHit = damage.log.length > 0 && (damage.field ?? { name: 'STORETIMESTAMP' }).name === 'STORETIMESTAMP' && !isProtected
    if ((damage.isInIndex === true || isTimeHit || damage.isForeign === true) && line.endsWith('is not found by its key')) {
      context.add('keys not found', 1)
      return false
    }
    return !(damage.isForeign === true && /nobody sent|not as it was sent|was acknowledged|there twice/.test(line))
  })
  return wrong
}

