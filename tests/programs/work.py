"""Documents to and from JSON, and binary trees."""
import json
import random


class Tree:
    """A binary tree of that depth."""

    def __init__(self, depth):
        self.left = Tree(depth - 1) if depth else None
        self.right = Tree(depth - 1) if depth else None

    def count(self):
        """Nodes in it."""
        return 1 + (self.left.count() + self.right.count() if self.left else 0)


random.seed(1)
documents = [{str(i): [random.random() for _ in range(20)],
              "x": "y" * random.randint(1, 200)} for i in range(20000)]
text = json.dumps(documents)
again = json.loads(text)
print(len(text), again == documents, sum(Tree(12).count() for _ in range(10)))
