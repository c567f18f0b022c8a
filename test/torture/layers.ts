import { crashStates } from './crash-states'
import { engineAgreement } from './engine-agreement'
import type { Layer } from './layer'
import { errors } from './errors'
import { kill } from './kill'
import { powerCuts } from './power-cuts'
import { systemErrors } from './system-errors'

/** All layers, in the order in which they run: what needs nothing of the machine first. */
export const layers: readonly Layer[] = [crashStates, kill, engineAgreement, errors, powerCuts, systemErrors]
