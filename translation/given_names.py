"""Given names that are usual where the built-in translator's languages are spoken.

A sentence's first word has a capital in any case: if the model does not know it, here is to be seen whether
it is a name.
"""

_NAMES = """
Aaron Abigail Achim Adam Adrian Adrien Adèle Adéla Agathe Agnes Agnès Alan Albert Alena Alexander Alexandra
Alexandre Alexis Aleš Alice Alina Aline Alžběta Amanda Amandine Amy Amélie Anastasia Andrea Andreas Andrew
Andrzej André Andy Aneta Anette Angela Angelika Angélique Anita Anja Anke Ann Anna Anne Annette Annika
Anthony Antoine Anton Antonia Antonín Armin Arnaud Arthur Astrid Audrey Aurélie Axel Barbara Barbora Barry
Bastian Bastien Beate Beatrice Ben Benjamin Benoît Bernadette Bernard Bernd Bert Bertrand Betty Birgit Björn
Blanka Bob Bohumil Boris Brandon Brian Brigitte Britta Bruno Béatrice Camille Carina Carl Carla Carmen Carol
Carola Caroline Catherine Chantal Charles Charlotte Chloé Chris Christa Christel Christelle Christian
Christiane Christina Christine Christoph Christophe Christopher Cindy Claire Clara Claude Claudia Clément
Colette Connor Corinne Cornelia Craig Cyril Cécile Céline Dagmar Dalibor Damien Dan Dana Daniel Daniela
Danielle Darina David Deborah Delphine Denis Denise Dennis Derek Detlef Diana Didier Dieter Dirk Dominik
Dominique Donald Dora Doris Dorothea Dorothée Dušan Dylan Edgar Edith Eduard Edward Elena Elisa Elisabeth
Elise Elizabeth Eliška Elsa Emil Emily Emma Emmanuel Eric Erich Erik Erika Ernst Erwin Esther Ethan Eugen
Eva Evelyn Fabian Fabien Fabrice Felix Ferdinand Filip Florence Florian Franck Frank František Franz
François Françoise Fred Friederike Friedrich Fritz Frédéric Félix Gabriel Gabriela Gabriele Gabrielle Gary
Gaëlle Geoffrey Georg George Georges Gerd Gerhard Gertrud Ghislaine Gilbert Gilles Gisela Gordon Gottfried
Greta Grégoire Grégory Guido Guillaume Gunther Gustav Guy Gérard Günter Günther Hana Hanna Hannah Hannelore
Hannes Hans Harald Harry Hartmut Heather Hedwig Heidi Heike Heiko Heinrich Heinz Helen Helena Helene Helga
Helmut Henri Henriette Henry Herbert Hermann Hilda Holger Horst Howard Hubert Hugo Hélène Ian Ida Igor Ilona
Ines Ingeborg Ingo Ingrid Inès Irena Irene Iris Isaac Isabel Isabelle Ivan Ivana Iveta Ivo Jack Jacob
Jacqueline Jacques Jakob Jakub James Jan Jana Jane Janet Janine Jarmila Jaromír Jaroslav Jason Jean Jeanne
Jeff Jeffrey Jennifer Jens Jeremy Jessica Jill Jindřich Jitka Jiří Joachim Joan Joanna Joe Joel Johan Johann
Johanna Johannes John Jonas Jonathan Josef Joseph Josh Joshua Joséphine Joëlle Judith Julia Julian Julie
Julien Juliette Justin Justine Jutta Jérôme Jörg Jürgen Kai Kamil Karel Karen Karin Karina Karl Karla
Karolína Kate Kateřina Katharina Katherine Kathleen Kathrin Katja Katrin Keith Kelly Ken Kenneth Kerstin
Kevin Kim Kirsten Klaudia Klaus Klára Konrad Konstantin Kristýna Kurt Kyle Ladislav Lara Larry Lars Laura
Laure Laurence Laurent Lea Lena Lenka Leo Leon Leonie Lewis Libor Linda Lisa Liselotte Logan Lothar Louis
Louise Loïc Luc Luca Lucas Lucie Lucien Ludmila Ludovic Ludwig Luisa Lukas Luke Lukáš Lutz Lydia Lydie Léa
Léo Léon Magali Magdalena Magdaléna Manfred Manon Manuel Manuela Marc Marcel Marek Margaret Margarete
Margaux Margit Margot Marguerite Marian Marianne Marie Marina Marion Marius Marketa Markus Markéta Martha
Martin Martina Martine Marvin Mary Mathias Mathieu Mathilde Mathis Matthew Matthias Matěj Maud Maurice Max
Maxim Maxime Maëlle Melanie Melissa Mia Michael Michaela Michal Michel Michelle Michèle Miguel Mike Milan
Milena Miloslav Miloš Miriam Mirko Miroslav Mohamed Monika Monique Moritz Muriel Mélanie Nadia Nadine Nancy
Naomi Natalie Nathalie Nathan Natálie Neil Nicholas Nick Nico Nicolas Nicole Niels Nikola Nils Nina Noah
Nora Norbert Noël Odile Olaf Oldřich Olga Oliver Olivia Olivier Ondřej Oscar Oskar Otakar Otto Pascal
Pascale Patricia Patricie Patrick Patrik Paul Paula Pauline Pavel Pavla Pavlína Peggy Peter Petr Petra
Philip Philipp Philippe Pierre Quentin Rachel Radek Radim Rainer Ralf Ralph Raphaël Raymond Rebecca Regina
Reiner Reinhard Renata Renate Renaud René Richard Rita Robert Robin Roger Roland Rolf Romain Roman Romana
Ronald Roswitha Rudolf Ruth Ryan Régine Rémi Sabina Sabine Sabrina Sally Samantha Samuel Sandra Sandrine
Sara Sarah Sascha Scott Sean Sebastian Severin Sharon Shaun Sibylle Sigrid Silke Silvia Silvie Simon Simona
Simone Solange Sonja Sophia Sophie Soňa Stacy Stanislav Stefan Stefanie Steffen Stephanie Stephen Steve
Steven Stuart Stéphane Stéphanie Susan Susanne Suzanne Svatopluk Sven Svenja Svetlana Sylvia Sylvie
Sébastien Tamara Tanja Tatjana Ted Teresa Tereza Theo Theresa Thibault Thierry Thomas Thorsten Thérèse Tim
Timothy Tina Tobias Tommy Tomáš Toni Tony Torsten Tracy Udo Ulrich Ulrike Ursula Ute Uwe Vaclav Valentin
Valérie Vanessa Vera Veronika Vicky Victor Victoria Viktor Viktorie Vincent Virginie Vladimír Vlasta
Vlastimil Vojtěch Volker Václav Véronique Vít Věra Walter Waltraud Wendy Werner Wilhelm William Willy
Wolfgang Xavier Yann Yannick Yasmine Yves Yvette Yvonne Zbyněk Zdeněk Zdeňka Zoe Zoé Zuzana Élodie Émile
Émilie Étienne
"""

GIVEN_NAMES = frozenset(_NAMES.split())
"""As they are written."""
