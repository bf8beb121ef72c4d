"""The language server: registration, wire types, features and the projection to views."""
