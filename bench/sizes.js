/** How large a workload is: as it says itself, as the command says, or as small as shows that it runs. */

const sizes = ['gibibytes', 'seconds', 'messages']

/** @param given the command's options, of which each changes those workloads that have such a size */
export function sized(workload, given) {
  const wanted = sizes.filter((name) => given[name] !== undefined && workload[name] !== undefined)
  const changed = { ...workload, ...Object.fromEntries(wanted.map((name) => [name, numberOf(name, given[name])])) }
  if (wanted.includes('gibibytes') && workload.messages !== undefined && !wanted.includes('messages')) {
    changed.messages = Math.round((workload.messages * changed.gibibytes) / workload.gibibytes)
  }
  // A warm-up is as large as what it is for, at most.
  if (wanted.includes('messages') && changed.warmUp?.messages > changed.messages) changed.warmUp = { ...changed.warmUp, messages: changed.messages }
  return withMessages(changed)
}

/** A workload in small, to see that it runs. */
export function smokeOf(workload) {
  const { gibibytes, image, messages, seconds } = workload
  if (messages === undefined && gibibytes !== undefined) return { ...workload, gibibytes: 2 ** -10, warmUp: { gibibytes: 2 ** -12 } }
  const small = { ...workload, gibibytes: undefined, topics: Math.min(workload.topics, 16), messages: 2000, queries: 100 }
  if (seconds !== undefined) small.seconds = small.messages / small.perSecond
  if (workload.warmUp !== undefined) small.warmUp = { messages: 200 }
  if (image !== undefined) small.settings = { mappedFileSizeCommitLog: 1 << 20 }
  for (const [name, few] of [['appended', 40_000], ['samples', 2], ['window', 500], ['restSeconds', 0]]) {
    if (name in workload) small[name] = few
  }
  return small
}

/** What goes on for a time has its messages from its pace. */
function withMessages(workload) {
  return workload.seconds === undefined ? workload : { ...workload, messages: Math.round(workload.perSecond * workload.seconds) }
}

function numberOf(name, text) {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`--${name} is a number above 0, not ${text}`)
  return number
}
