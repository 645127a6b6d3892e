"""Who is in which swarm now: a core without sockets."""
