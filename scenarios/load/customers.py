"""The customers of a generator: each has a number of their own and one call at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from harness.load.profile import CustomersSection
from simulators.phones.customers import Customer, CustomerBook


@dataclass(slots=True)
class _Home:
    country: str
    share: float
    free: deque[Customer]


class CustomerPool:
    """Lends customers. Whose call ended longest ago is first: what is still under way to a number finds nobody new
    there so soon."""

    def __init__(self, section: CustomersSection, seed: int, index: int, workers: int) -> None:
        book = CustomerBook(seed * workers + index)
        total = sum(section.countries.values())
        count = len(range(index, section.count, workers))
        self._homes: list[_Home] = []
        self.all: list[Customer] = []
        for country, share in section.countries.items():
            people = [book.customer(country) for _ in range(max(1, round(count * share / total)))]
            self.all += people
            self._homes.append(_Home(country, share, deque(people)))

    def __iter__(self) -> Iterator[Customer]:
        return iter(self.all)

    def lend(self, random: Random) -> Customer | None:
        """A customer who is in no call, of a country that is drawn or, where all of that are in calls, of the one with
        most who are not; None: all are in calls."""
        home = random.choices(self._homes, [home.share for home in self._homes])[0]
        if not home.free:
            home = max(self._homes, key=lambda home: len(home.free))
        return home.free.popleft() if home.free else None

    def give_back(self, customer: Customer) -> None:
        """The customer's call is over."""
        next(home for home in self._homes if home.country == customer.country).free.append(customer)
