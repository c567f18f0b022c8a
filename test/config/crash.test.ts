import t from 'tap'
import { CrashStates, type DirectoryImage } from '../torture/disk-image'
import { SimulatedDisk } from '../torture/simulated-disk'
import { SteppedClock } from '../torture/stepped-clock'
import { START, openConfig } from './support'

/*
 * The story: the power fails while consumer offsets are written. They are those of the last write that had resolved, or of a
 * later one; never none, and never something between.
 */

const place = { topic: 'orders', queueId: 0, group: 'group' }
const OTHERS = 20

t.test('power cuts while offsets are written', async (t) => {
  const clock = new SteppedClock(START)
  const disk = new SimulatedDisk(clock)
  disk.backend.files.makeDirectory('/store')
  await disk.backend.files.syncDirectory('/')
  const { config } = openConfig({ files: disk.backend.files, clock })
  const moments: { image: DirectoryImage; persisted: number; committed: number }[] = []
  let [persisted, committed] = [0, 0]
  disk.onStep = () => moments.push({ image: disk.image(), persisted, committed })
  for (committed = 1; committed <= 4; committed++) {
    // More than a sector.
    for (let queueId = 0; queueId < OTHERS; queueId++) config.consumerOffsets.commit({ ...place, group: `group ${queueId % 5}`, queueId, offset: committed })
    config.consumerOffsets.commit({ ...place, offset: committed })
    await config.persist()
    persisted = committed
  }
  let states = 0
  for (const { image, persisted, committed } of moments) {
    const crash = new CrashStates(image)
    const { length } = crash.uncertain
    for (let subset = 0; subset < 2 ** Math.min(length, 6); subset++) {
      const happened = (thing: number): boolean => (subset & (1 << thing % 6)) !== 0
      const after = new SimulatedDisk(clock, crash.choose(happened))
      const { consumerOffsets } = openConfig({ files: after.backend.files, clock }).config
      const found = consumerOffsets.get(place) ?? 0
      const others = Array.from({ length: OTHERS }, (_, queueId) => consumerOffsets.get({ ...place, group: `group ${queueId % 5}`, queueId }) ?? 0)
      if (found < persisted || found > committed || others.some((offset) => offset !== found)) t.fail(`${found} (${others.join()}), persisted ${persisted}, lost ${crash.uncertain.join()}`)
      states++
    }
  }
  t.ok(states > 200, `${states} states`)
})
