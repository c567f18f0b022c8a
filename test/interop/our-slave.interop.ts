import { startEngine } from './engine'
import { startPeer } from './peer'
import { tellStories } from './replication-stories'

tellStories({ master: "the engine's master", slave: 'a slave of ours' }, { master: startEngine, slave: startPeer })
