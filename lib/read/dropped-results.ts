import type { Lease } from '../storage/lease'

/** Ends the lease of a result that nobody can release any more. */
const dropped = new FinalizationRegistry<Lease>((lease) => lease.end())

/**
 * Results of this turn of the event loop that are not released yet, and their leases. To have the collector watch a result costs
 * more than to read one, and most are released at once: only what outlives its turn is watched.
 */
const young: { result: object; lease: Lease }[] = []
let isEndOfTurnAwaited = false

/** From now on the lease ends when the result is garbage, if not sooner. */
export function watch(result: object, lease: Lease): void {
  lease.place = young.length
  young.push({ result, lease })
  if (isEndOfTurnAwaited) return
  isEndOfTurnAwaited = true
  setImmediate(watchYoung)
}

/** The result has been released. */
export function unwatch(lease: Lease): void {
  if (lease.place < 0) {
    dropped.unregister(lease)
    return
  }
  const last = young.pop()!
  if (last.lease !== lease) {
    young[lease.place] = last
    last.lease.place = lease.place
  }
  lease.place = -1
}

function watchYoung(): void {
  isEndOfTurnAwaited = false
  for (const { result, lease } of young.splice(0)) {
    lease.place = -1
    dropped.register(result, lease, lease)
  }
}
