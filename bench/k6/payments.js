// Payments of a partner at a steady rate:
//   k6 run -e PARTNER=id:secret -e LOANS=…,… -e RATE=100 -e DURATION=5m bench/k6/payments.js
import { amount, any, loans, openLoop, program, send, settings } from './lib.js';

export const options = {
  scenarios: { payments: openLoop('pay', settings.rate) },
  thresholds: {
    'http_req_failed{name:pay}': ['rate<0.001'],
    'http_req_duration{name:pay}': ['p(95)<300', 'p(99)<800'],
    dropped_iterations: ['count==0'],
  },
};

export function setup() {
  return { token: program('PARTNER'), loans: loans() };
}

export function pay(data) {
  send('pay', {
    loan: any(data.loans), amount: amount(1, 50), currency: settings.currency, reference: 'k6 ' + Date.now(),
  }, data.token);
}
