"""Networks and their graphs: what the families that train with torch are made of."""
