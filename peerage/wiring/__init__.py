"""Assembly: opens the stores, builds the services over them, and closes both."""
