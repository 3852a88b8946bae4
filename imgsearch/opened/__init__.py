"""An open library: its database, index and encoder, where its photos come from, their changes."""
