import { startEngine } from './engine'
import { startPeer } from './peer'
import { tellStories } from './replication-stories'

tellStories({ master: 'a master of ours', slave: "the engine's slave" }, { master: startPeer, slave: startEngine })
