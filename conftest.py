"""Wiring: features anywhere below are collected by trunkproof's plugin."""

pytest_plugins = ["trunkproof.plugin"]
