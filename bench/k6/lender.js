// A lender's day: payments, what officers read of loans, what finance reads and
// books, each at its own rate:
//   k6 run -e PARTNER=id:secret -e STAFF=mail:password -e FINANCE=mail:password -e LOANS=…,… bench/k6/lender.js
import { amount, any, loans, openLoop, person, program, send, settings } from './lib.js';

export const options = {
  scenarios: {
    payments: openLoop('pay', settings.rate),
    reads: openLoop('read', 2 * settings.rate),
    finance: openLoop('finance', Math.max(1, Math.floor(settings.rate / 10))),
  },
  thresholds: {
    http_req_failed: ['rate<0.001'],
    'http_req_duration{name:pay}': ['p(95)<300', 'p(99)<800'],
    'http_req_duration{name:outstanding}': ['p(99)<200'],
    dropped_iterations: ['count==0'],
  },
};

export function setup() {
  return { partner: program('PARTNER'), staff: person('STAFF'), finance: person('FINANCE'), loans: loans() };
}

export function pay(data) {
  send('pay', {
    loan: any(data.loans), amount: amount(1, 50), currency: settings.currency, reference: 'k6 ' + Date.now(),
  }, data.partner);
}

export function read(data) {
  const loan = any(data.loans);
  send('outstanding', { loanId: loan }, data.staff);
  send(any(['history', 'schedule', 'account']), { loanId: loan }, data.staff);
}

export function finance(data) {
  send('entry', {
    date: settings.date, debit: '1000.' + settings.currency, credit: '4200.' + settings.currency,
    amount: amount(1, 100), currency: settings.currency,
  }, data.finance);
  send('trial-balance', {}, data.finance);
  send('statement', { account: '1000.' + settings.currency }, data.finance);
}
