// Package fleet owns what a fault drill strikes at: the database server, the broker,
// the services as processes of their own, and the network between them. It starts
// them, starts again what has died, and lets a drill kill, freeze, cut off, slow and
// arm them. It notes how often each was struck, how long it took to come back, and
// who is to blame.
//
// It must not know payments or loans, nor decide what fails when, nor judge what
// the platform made of it.
package fleet
