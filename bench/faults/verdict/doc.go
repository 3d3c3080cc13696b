// Package verdict owns what a fault drill is judged by: the journal of what the
// client knows, which is the ground truth; a small model of a loan, which shares
// nothing with the platform's; the shape of the evidence of what the platform made
// of it all; and the invariants in which these meet.
//
// Apart from the file of the journal it is pure: evidence goes in, a verdict comes
// out, and the same evidence is judged the same. It must not know processes,
// networks, HTTP, brokers or databases, nor who gathers the evidence.
package verdict
