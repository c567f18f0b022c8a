/** What the demo claims, and whether it held. */
export class Checks {
  /** @type {{ name: string, holds: boolean, detail: string }[]} */
  list = []

  get allHold() {
    return this.list.every(({ holds }) => holds)
  }

  /** @param {string | undefined} problem what is wrong, undefined when all is well */
  add(name, problem, detail = '') {
    this.list.push({ name, holds: problem === undefined, detail: problem ?? detail })
  }

  /** The first of the problems, and how many there are. */
  addAll(name, problems, detail) {
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    this.add(name, problems.length === 0 ? undefined : problems[0] + more, detail)
  }
}
