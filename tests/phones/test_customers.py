import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessMisuse
from simulators.phones.customers import HOMES, PROFILE_NAME_LENGTH, CustomerBook

seeds = st.integers(min_value=0, max_value=2**32)


@settings(deadline=None, max_examples=40)
@given(seed=seeds, home=st.sampled_from(HOMES))
def test_numbers_are_valid_for_the_country(seed, home):
    customer = CustomerBook(seed).customer(home.country, home.language)
    parsed = phonenumbers.parse(customer.number)
    assert customer.number.startswith("+")
    assert phonenumbers.is_valid_number(parsed)
    assert phonenumbers.region_code_for_number(parsed) == home.country == customer.country
    assert customer.language == home.language


@settings(deadline=None, max_examples=40)
@given(seed=seeds)
def test_profile_names_fit_whatsapp(seed):
    book = CustomerBook(seed)
    for _ in range(10):
        name = book.customer().profile_name
        assert 0 < len(name) <= PROFILE_NAME_LENGTH
        assert name == name.strip()
        assert "\n" not in name


@settings(deadline=None, max_examples=40)
@given(seed=seeds)
def test_a_seed_makes_the_same_customers_again(seed):
    first, second = CustomerBook(seed), CustomerBook(seed)
    assert [first.customer() for _ in range(5)] == [second.customer() for _ in range(5)]


def test_a_book_never_repeats_a_number():
    book = CustomerBook(7)
    numbers = [book.customer("TH").number for _ in range(500)]
    assert len(set(numbers)) == 500


def test_books_of_parallel_workers_share_no_number():
    numbers = [CustomerBook(seed).customer("ES").number for seed in range(64)]
    books = [CustomerBook(seed) for seed in range(8)]
    many = [book.customer("ES").number for book in books for _ in range(100)]
    assert len(set(numbers)) == 64
    assert len(set(many)) == 800


@pytest.mark.parametrize(
    ("language", "low", "high"),
    [("ar", 0x600, 0x6FF), ("he", 0x590, 0x5FF), ("hi", 0x900, 0x97F), ("th", 0xE00, 0xE7F),
     ("ru", 0x400, 0x4FF), ("el", 0x370, 0x3FF), ("ja", 0x3040, 0x9FFF), ("zh", 0x4E00, 0x9FFF)],
)  # fmt: skip
def test_names_are_in_the_script_of_the_language(language, low, high):
    book = CustomerBook(1)
    names = "".join(book.customer(language=language).profile_name for _ in range(10))
    assert any(low <= ord(character) <= high for character in names)


def test_an_unknown_home_is_the_users_mistake():
    with pytest.raises(HarnessMisuse, match="ES/es"):
        CustomerBook(1).customer("ES", "ja")
