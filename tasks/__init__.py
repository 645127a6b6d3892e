"""asyncio tasks that outlive those who wait for them."""
