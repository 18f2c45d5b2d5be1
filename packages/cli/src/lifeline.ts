/** Loaded into every node before its own program: ends the node when its launcher is gone. */
export {};
