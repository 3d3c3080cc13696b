package discussion

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{
		stream.On(s.onSubmitted), stream.On(s.onRiskApproved), stream.On(s.onBusinessDayClosed),
		stream.On(s.onLoanProductSaved),
	}
}

func (s *Service) onSubmitted(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.ApplicationSubmitted,
) error {
	return keepSubmission(ctx, tx, talk{
		applicationID: e.ApplicationID, customerID: e.CustomerID, product: e.Product, amount: e.Amount,
		instalments: e.Instalments,
	}, s.now())
}

func (s *Service) onRiskApproved(ctx context.Context, tx database.Tx, _ event.Envelope, e event.RiskApproved) error {
	opened, err := openTalk(ctx, tx, e.ApplicationID, e.MaxAmount)
	if err != nil {
		return err
	}
	if !opened {
		_, found, err := findTalk(ctx, tx, e.ApplicationID)
		if err == nil && !found {
			err = fmt.Errorf("%w: submission of %s", stream.ErrNotYet, e.ApplicationID)
		}
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "discussion.open", Actor: access.Platform("discussion"), Subject: e.ApplicationID,
		Detail: map[string]any{"max_amount": e.MaxAmount},
	}, s.now())
}

// onBusinessDayClosed keeps the date. Offers that it makes too old can no
// longer be accepted from here on; the expirer then closes them one by one.
func (s *Service) onBusinessDayClosed(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.BusinessDayClosed,
) error {
	if e.Book != s.env.Config.CloseOfDay.Book {
		return nil
	}
	tx.AfterCommit(s.wakeExpirer)
	return keepBusinessDate(ctx, tx, e.Book, e.Next)
}

// onLoanProductSaved keeps the version for offers that are made from here on; it
// changes none that was made.
func (s *Service) onLoanProductSaved(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.LoanProductSaved,
) error {
	return keepProduct(ctx, tx, e)
}

// now is the clock as precise as the database stores it.
func (s *Service) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }
