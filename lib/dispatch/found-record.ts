import type { ConsumeQueues } from '../consume-queue/consume-queues'
import type { Topic } from '../consume-queue/topic-table'
import { readLong } from '../format/long'
import { PropertyPlaces } from '../format/property-places'
import { Position, RecordParts, locate } from '../format/record'
import type { Mapping } from '../storage/ports'
import type { RecordRows } from '../storage/record-rows'

/** A whole record of the log, as far as its places in queue and index go. Filled again for each. */
export class FoundRecord {
  bytes: Buffer = Buffer.alloc(0)
  topic!: Topic
  queueId = 0
  queueOffset = 0
  /** Where it lies in the log. */
  offset = 0
  size = 0
  sysFlag = 0
  storeTimestamp = 0
  readonly places = new PropertyPlaces()
}

/** Which queue a record says it is of. */
export interface QueuePlace {
  topic: Topic
  queueId: number
}

/** Makes {@link FoundRecord}s out of what recovery comes by: bytes of the log, or the rows of a scan. */
export class RecordFinder {
  readonly #queues: ConsumeQueues
  readonly #record = new FoundRecord()
  readonly #parts = new RecordParts()
  /** By the numbers that the scan gives them. */
  readonly #numbered: QueuePlace[] = []

  constructor(queues: ConsumeQueues) {
    this.#queues = queues
  }

  /** The record that stands at `position`. */
  inBytes(bytes: Buffer, view: DataView, position: number, parts: RecordParts): FoundRecord {
    const record = this.#record
    record.bytes = bytes
    record.topic = this.#topicOf(bytes, position, parts)
    record.queueId = view.getInt32(position + Position.queueId)
    record.queueOffset = readLong(view, position + Position.queueOffset)
    record.offset = readLong(view, position + Position.physicalOffset)
    record.size = parts.size
    record.sysFlag = parts.sysFlag
    record.storeTimestamp = readLong(view, position + parts.storeTimestampAt)
    this.#locatePlaces(position, parts)
    return record
  }

  /** One of the rows that a scan has made of a file; always those of the same scan. @param logOffset that of the file */
  inRows(rows: RecordRows, row: number, mapping: Mapping, logOffset: number): FoundRecord {
    const record = this.#record
    const { bytes, view } = mapping
    const position = rows.position(row)
    record.bytes = bytes
    record.size = rows.size(row)
    const { topic, queueId } = this.placeOf(rows, row, mapping)
    record.topic = topic
    record.queueId = queueId
    record.queueOffset = rows.queueOffset(row)
    record.offset = logOffset + position
    record.sysFlag = rows.sysFlag(row)
    record.storeTimestamp = rows.storeTimestamp(row)
    if (!rows.fillPlaces(row, record.places)) {
      locate(view, position, position + record.size, this.#parts)
      this.#locatePlaces(position, this.#parts)
    }
    return record
  }

  /** The queue of a row. */
  placeOf(rows: RecordRows, row: number, { bytes, view }: Mapping): QueuePlace {
    return (this.#numbered[rows.queueNumber(row)] ??= this.#queueAt(bytes, view, rows.position(row), rows.size(row)))
  }

  #queueAt(bytes: Buffer, view: DataView, position: number, size: number): QueuePlace {
    locate(view, position, position + size, this.#parts)
    return { topic: this.#topicOf(bytes, position, this.#parts), queueId: view.getInt32(position + Position.queueId) }
  }

  #topicOf(bytes: Buffer, position: number, { topicAt, topicLength }: RecordParts): Topic {
    return this.#queues.topics.findOrAddBytes(bytes, position + topicAt, position + topicAt + topicLength)
  }

  #locatePlaces(position: number, { propertiesAt, propertiesLength }: RecordParts): void {
    const { bytes, places, topic } = this.#record
    const from = position + propertiesAt
    places.locate(bytes, from, from + propertiesLength, topic.hash)
  }
}
