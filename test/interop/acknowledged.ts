import { propertiesInBatch, type RecordedMessage, type RecordedResult } from '../support/recorded'

/** What is known of a message in a dump: the fields that a producer or a put determine. */
interface DumpedMessage {
  topic: string
  queueId: number
  queueOffset: number
  commitLogOffset: number
  properties: Record<string, string>
  bodyBase64?: string
}

/** Prepared and rolled-back messages are in the log, but in no queue. */
const transactionMask = 12
const unqueued = [4, 12]

/**
 * Looks for acknowledged messages in a dump, each at the place that its acknowledgement named. The messages may
 * have been put in several rounds.
 * @returns what is lost or changed, in words
 */
export function missingFromDump(
  messages: readonly RecordedMessage[],
  results: readonly RecordedResult[],
  dump: readonly object[],
): string[] {
  const stored = new Map(
    (dump as readonly DumpedMessage[]).map((line) => [
      `${line.topic}/${line.queueId}/${line.queueOffset}`,
      line,
    ]),
  )
  return results.flatMap((result, at) => {
    if (result.status !== 'PUT_OK') return [`message ${at} was refused: ${result.status}`]
    const message = messages[at % messages.length]
    if (unqueued.includes((message.sysFlag ?? 0) & transactionMask)) return []
    return partsOf(message).flatMap(({ bodyBase64, properties }, part) => {
      const place = `${message.topic}/${message.queueId}/${(result.queueOffset ?? 0) + part}`
      const found = stored.get(place)
      if (found === undefined) return [`message ${at}, part ${part} is not at ${place}`]
      if (part === 0 && found.commitLogOffset !== result.offset) {
        return [`message ${at} is at ${found.commitLogOffset}, not at ${result.offset}`]
      }
      if ((found.bodyBase64 ?? '') !== bodyBase64) return [`message ${at}, part ${part} has another body`]
      const changed = Object.keys({ ...properties, ...found.properties }).filter(
        (name) => found.properties[name] !== properties[name],
      )
      return changed.map((name) => `message ${at}, part ${part} has another property ${name}`)
    })
  })
}

function partsOf(message: RecordedMessage): { bodyBase64: string; properties: Record<string, string> }[] {
  if (message.batch === undefined) {
    return [{ bodyBase64: message.bodyBase64 ?? '', properties: message.properties ?? {} }]
  }
  return message.batch.map(({ body, properties }) => ({
    bodyBase64: Buffer.from(body).toString('base64'),
    properties: propertiesInBatch(properties),
  }))
}
