import { standsAt } from '../format/bytes'
import { topicHash } from '../format/index-layout'
import { hashCodeOfBytes } from '../format/java-string'
import { TopicWords } from '../format/record'
import type { ConsumeQueue } from './consume-queue'

/** A topic, with what of its name goes into every record and index key worked out once. */
export class Topic {
  readonly name: string
  /** UTF-8. */
  readonly bytes: Buffer
  /** As it stands in a record. */
  readonly words: TopicWords
  /** Java hash code of `name#`. */
  readonly hash: number
  /** False for a topic, of a log from elsewhere, that cannot be the name of a directory. */
  readonly canHaveQueues: boolean
  /** By queue id. */
  readonly queues = new Map<number, ConsumeQueue>()
  /** By queue id: messages that lie before this commit log offset are deleted. */
  readonly deletedUpTo = new Map<number, number>()
  /** Ids of queues that are being deleted: nothing is put there until they are. */
  ending: Set<number> | undefined

  constructor(name: string) {
    this.name = name
    this.bytes = Buffer.from(name)
    this.words = new TopicWords(this.bytes)
    this.hash = topicHash(name)
    this.canHaveQueues = canNameDirectory(name)
  }
}

/** Whether a topic can be the name of a directory, as that of its queues; half a character cannot. */
export function canNameDirectory(topic: string): boolean {
  return !/\p{Surrogate}/u.test(topic) && topic !== '' && topic !== '.' && topic !== '..' && !/[/\0]/.test(topic)
}

const RECENT_PLACES = 64

export class TopicTable {
  readonly #topics = new Map<string, Topic>()
  /** Those asked for lately, by the last character of their names: mostly another one for each of a handful of topics. */
  readonly #recent: (Topic | undefined)[] = Array.from({ length: RECENT_PLACES })
  /** Of those with the same hash code, the one that was seen last. */
  readonly #byHash = new Map<number, Topic>()

  find(name: string): Topic | undefined {
    if (typeof name !== 'string') return undefined
    const place = name.charCodeAt(name.length - 1) & (RECENT_PLACES - 1)
    const recent = this.#recent[place]
    if (recent !== undefined && recent.name === name) return recent
    const topic = this.#topics.get(name)
    if (topic !== undefined) this.#recent[place] = topic
    return topic
  }

  findOrAdd(name: string): Topic {
    let topic = this.#topics.get(name)
    if (topic === undefined) {
      topic = new Topic(name)
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** As {@link findOrAdd}, for a name in UTF-8, of which no string is made when it has been seen before. */
  findOrAddBytes(bytes: Buffer, from: number, to: number): Topic {
    const hash = hashCodeOfBytes(bytes, from, to)
    const known = this.#byHash.get(hash)
    if (known?.bytes.length === to - from && standsAt(known.bytes, bytes, from)) return known
    const topic = this.findOrAdd(bytes.utf8Slice(from, to))
    this.#byHash.set(hash, topic)
    return topic
  }

  [Symbol.iterator](): IterableIterator<Topic> {
    return this.#topics.values()
  }
}
