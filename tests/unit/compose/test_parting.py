"""What podman-compose is given in parts is the whole, and nothing refers to what another part has."""

import json
from itertools import chain
from typing import Any

import pytest

from containers.compose.parting import parts_of
from containers.compose.writing import json_text


def services_of(*parts: str) -> list[str]:
    """The names of all services in documents."""
    return sorted(chain.from_iterable(json.loads(part)["services"] for part in parts))


def document(count: int, **others: Any) -> str:
    """So many services in one network, and `others`."""
    many = {f"s{number:02}": {"image": "x", "networks": ["default"]} for number in range(count)}
    whole = {"name": "p", "services": many | others, "networks": {"default": {"name": "p_default"}}}
    return json_text(whole, indent=1)


@pytest.mark.parametrize(
    ("services", "most", "parts"), [(1, 4, 1), (15, 4, 1), (16, 4, 2), (20, 1, 1), (20, 2, 2), (100, 4, 4)]
)
def test_there_are_as_many_parts_as_pay(services: int, most: int, parts: int) -> None:
    """At most so many as there are processors; each service is in one of them."""
    found = parts_of(document(services), most)
    assert len(found) == parts
    assert services_of(*found) == services_of(document(services))
    sizes = [len(services_of(part)) for part in found]
    assert max(sizes) - min(sizes) <= parts


def test_what_is_not_worth_it_stays_as_it_is() -> None:
    """To the letter."""
    text = document(3)
    assert parts_of(text, 4) == (text,)


def test_services_that_refer_to_each_other_stay_together() -> None:
    """podman-compose looks for them in its document."""
    follower = {"image": "x", "network_mode": "service:s19"}
    linking = {"image": "x", "networks": ["default"], "links": ["s11:other"]}
    found = parts_of(document(20, follower=follower, linking=linking), 2)
    (with_follower,) = [part for part in found if "follower" in services_of(part)]
    assert {"s19", "follower", "linking", "s11"} <= set(services_of(with_follower))
    assert len(services_of(*found)) == 22


def test_a_part_has_only_the_networks_that_its_services_join() -> None:
    """podman-compose warns of others; every volume is there, as it creates only those that are mounted."""
    whole = json.loads(document(20))
    whole["services"]["s19"]["networks"] = {"back": {"aliases": ["b"]}}
    whole["networks"]["back"] = {"name": "p_back"}
    whole["volumes"] = {"data": {"name": "p_data"}}
    first, second = (json.loads(part) for part in parts_of(json_text(whole, indent=1), 2))
    assert list(first["networks"]) == ["default"]
    assert list(second["networks"]) == ["default", "back"]
    assert first["volumes"] == second["volumes"] == whole["volumes"]
