// Package risk owns the assessment of an application by a versioned scoring
// policy, and the risk manager's decision on it.
//
// It publishes RiskAssessed, RiskApproved and RiskRejected. It consumes
// ApplicationSubmitted, whose figures it keeps as the policy's inputs, and
// KYCApproved, on which it assesses by itself.
//
// The policy is data: the tables in policy.go. An assessment stores the version
// of the policy and the hash of its inputs, so that it can be replayed for ever.
//
// It must not decide by itself, make offers, nor change an assessment once made.
package risk
