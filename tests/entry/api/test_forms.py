"""Forms of pages: browsers send a session or a password along by themselves, so each asks where it was sent from."""

from importlib import import_module
from pkgutil import iter_modules

from fastapi.routing import APIRoute

from tunewarden.entry.api import routes


def forms() -> list[APIRoute]:
    """Every route outside the API that something can be posted to."""
    modules = [import_module(f"{routes.__name__}.{found.name}") for found in iter_modules(routes.__path__)]
    every = [route for module in modules for route in getattr(module, "router", routes).__dict__.get("routes", [])]
    return [
        route
        for route in every
        if isinstance(route, APIRoute) and "POST" in route.methods and not route.path.startswith("/v1/")
    ]


def test_every_form_goes_through_the_door_that_wants_the_sessions_token_or_our_origin() -> None:
    found = {
        route.path: {getattr(one.call, "__name__", "") for one in route.dependant.dependencies} for route in forms()
    }
    assert found.keys() >= {
        "/promotions/{promotion_id}/override",
        "/promotions/{promotion_id}/approve",
        "/emergencies/{emergency_id}/confirm",
        "/clean-versions/{digest}",
    }
    assert [path for path, doors in found.items() if "_sender" not in doors] == []
