from dreambench.cli import main

main()
