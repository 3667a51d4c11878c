"""The servers that ours is measured beside, each as its documentation has it; they run in environments of their own."""
