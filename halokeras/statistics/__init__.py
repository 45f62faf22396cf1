"""Estimators of plain arrays that every room may use."""
