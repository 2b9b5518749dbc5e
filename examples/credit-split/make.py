"""Makes the four files of data/ from the table of examples/credit.

    python examples/credit-split/make.py

Python's own library is all it needs, and the same table gives the same bytes. `train.csv` and `test.csv` are an honest
split. `leaky_train.csv` and `leaky_test.csv` are the same split with five mistakes, each of which somebody has made.
"""

import csv
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE.parent / "credit/data/german_credit.csv"
SEED = 7
TEST_SHARE = 0.2
# The mistakes, in rows of the leaky test table.
COPIED = 15
OLD_CUSTOMERS = 24
NEW_HOUSING = 4


def main():
    with open(TABLE, encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    # A row that occurs twice could land on both sides. In this table none does.
    rows = [dict(row) for row in {tuple(row.items()): row for row in rows}.values()]

    # Of the good risks and of the bad ones, a fifth each is for the test; then both parts are put in order by chance.
    chance = random.Random(SEED)
    train, test = [], []
    for risk in ("1", "0"):
        part = [row for row in rows if row["risk"] == risk]
        chance.shuffle(part)
        cut = round(TEST_SHARE * len(part))
        test += part[:cut]
        train += part[cut:]
    chance.shuffle(train)
    chance.shuffle(test)

    # The table does not say who applied, so customers are made up, of one sex each, and none is in both parts.
    numbers = list(range(1, len(rows) + 1))
    chance.shuffle(numbers)
    numbers = iter(numbers)
    for part in (train, test):
        give_customers(part, numbers, chance)

    # Applications are numbered as they came in, which has nothing to do with how they ended.
    numbers = list(range(1, len(rows) + 1))
    chance.shuffle(numbers)
    for row, number in zip(train + test, numbers, strict=True):
        row["application_id"] = number
    write("train.csv", train)
    write("test.csv", test)

    spoil(train, test, chance)
    write("leaky_train.csv", train)
    write("leaky_test.csv", test)


def give_customers(part, numbers, chance):
    """Numbers for customers; a fifth of the applications is by the customer of one before it."""
    known = {"female": [], "male": []}
    for row in part:
        before = known[row["sex"]]
        if before and chance.random() < 0.2:
            row["customer_id"] = chance.choice(before)
        else:
            row["customer_id"] = next(numbers)
            before.append(row["customer_id"])


def spoil(train, test, chance):
    """The five mistakes, in place."""
    # 1. Customers of the training table apply again, and the split goes by application.
    # 2. A way of housing that nobody had when the model was trained.
    some = chance.sample(test, OLD_CUSTOMERS + NEW_HOUSING)
    for row in some[:OLD_CUSTOMERS]:
        row["customer_id"] = chance.choice([other["customer_id"] for other in train if other["sex"] == row["sex"]])
    for row in some[OLD_CUSTOMERS:]:
        row["housing"] = "company"

    # 3. Rows of the training table are in the test table as well.
    test += [dict(row) for row in chance.sample(train, COPIED)]
    chance.shuffle(test)

    # 4. Applications are numbered after somebody has sorted them by how they ended, so the copies have numbers of their own.
    # 5. What was paid out is known only after the decision.
    by_outcome = sorted(train + test, key=lambda row: row["risk"], reverse=True)
    for number, row in enumerate(by_outcome, 1):
        row["application_id"] = number
    for row in train + test:
        row["approved_amount"] = row["credit_amount"] if row["risk"] == "1" else 0


def write(name, rows):
    first = ["application_id", "customer_id"]
    names = [*first, *(name for name in rows[0] if name not in first)]
    with open(HERE / "data" / name, "w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
