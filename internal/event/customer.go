package event

// CustomerRegistered says that a borrower opened an account.
type CustomerRegistered struct {
	OnCustomer
	// SealedCredential is the argon2id hash of the password, encrypted for the
	// identity service (privacy.Keyring, bound to the customer id).
	SealedCredential string `json:"sealed_credential"`
	// SealedContact is a JSON Contact, encrypted and bound to the customer id.
	SealedContact string `json:"sealed_contact"`
}

// Contact is how to reach a customer. It travels sealed only.
type Contact struct {
	Email string `json:"email"`
	Phone string `json:"phone"`
	Name  string `json:"name"`
}

// Type implements Event.
func (CustomerRegistered) Type() string { return "customer.registered.v1" }

// CustomerKYCSubmitted says that a customer's identity data is complete.
type CustomerKYCSubmitted struct {
	OnCustomer
}

// Type implements Event.
func (CustomerKYCSubmitted) Type() string { return "customer.kyc.submitted.v1" }
