import type { Layer } from './layer'
import { crashStates } from './crash-states'
import { damagedImages } from './damaged-images'
import { engineAgreement } from './engine-agreement'
import { kill } from './kill'
import { errors } from './errors'
import { plantedBugs } from './planted-bugs'
import { powerCuts } from './power-cuts'
import { replication } from './replication'
import { soak } from './soak'
import { systemErrors } from './system-errors'

/** All layers, in the order in which they run: what needs nothing of the machine first. */
export const layers: readonly Layer[] = [crashStates, damagedImages, kill, engineAgreement, errors, powerCuts, systemErrors, replication, soak, plantedBugs]
