/**
 * Puts that share a commit, for packages that do not see to it themselves: those of one turn of the event loop, and those that came while
 * the commit before was under way.
 * @param commit gets what was put
 */
export function gathered(commit) {
  let waiting = []
  let isCommitting = false
  const commitAll = async () => {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      await commit(batch)
      for (const { resolve } of batch) resolve()
      await new Promise(setImmediate)
    }
    isCommitting = false
  }
  return (number, message) => new Promise((resolve) => {
    waiting.push({ number, message, resolve })
    if (isCommitting) return
    isCommitting = true
    setImmediate(commitAll)
  })
}
