-- +goose NO TRANSACTION
-- +goose Up
-- The plan of each loan and what has become of it, in minor units.
create table if not exists loan_instalment (
    loan_id            uuid   not null,
    number             bigint not null,
    due_date           date   not null,
    charged_principal  bigint not null,
    charged_interest   bigint not null,
    charged_fees       bigint not null,
    charged_penalties  bigint not null,
    accrued_interest   bigint not null,
    accrued_fees       bigint not null,
    accrued_penalties  bigint not null,
    paid_principal     bigint not null,
    paid_interest      bigint not null,
    paid_fees          bigint not null,
    paid_penalties     bigint not null,
    overdue_on         date   null,
    constraint loan_instalment_pkey primary key (loan_id, number),
    constraint loan_instalment_principal check (0 <= paid_principal and paid_principal <= charged_principal),
    constraint loan_instalment_interest
        check (0 <= paid_interest and paid_interest <= accrued_interest and accrued_interest <= charged_interest),
    constraint loan_instalment_fees
        check (0 <= paid_fees and paid_fees <= accrued_fees and accrued_fees <= charged_fees),
    constraint loan_instalment_penalties
        check (0 <= paid_penalties and paid_penalties <= accrued_penalties and accrued_penalties <= charged_penalties)
);
